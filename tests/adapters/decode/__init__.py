"""What files are, found out in a child process: whole or cut, playable, in which colours."""
