"""What `trueline score-feature` reads and shows."""
