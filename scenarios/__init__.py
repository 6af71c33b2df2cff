"""What is asked of the targets and what a right answer is: a file each."""
