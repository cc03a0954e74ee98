"""How the installation is kept well: sweeps, signs of life, what is wrong, backups and repairs.

May import every other room of `services`. Start with `sweep.sweep_now` and `status`.
"""
