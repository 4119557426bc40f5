"""What operators watch and set right: the work list and what was given up."""
