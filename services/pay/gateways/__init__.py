"""How Pay reaches those who move the money: a sandbox that needs nobody, and Stripe."""
