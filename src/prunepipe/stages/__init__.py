"""Stages: one library function for each rule; the scripts in `workflow/scripts` read, call it and write."""
