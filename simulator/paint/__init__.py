"""Videos from words and photos: numpy draws the frames, FFmpeg encodes them, in child processes.

It imports nothing else of the simulator. Start at `painter` (who renders) or `scene` (what is drawn).
"""
