"""Stages: one library function per rule; the scripts in `workflow/scripts` read, call it and write."""
