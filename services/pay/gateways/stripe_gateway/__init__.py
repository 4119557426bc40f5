"""Stripe: PaymentIntents with manual capture, cards entered on Stripe's own page. See docs/stripe.md."""
