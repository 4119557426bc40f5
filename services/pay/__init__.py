"""Pay: payments taken, captured, refunded and accounted for."""
