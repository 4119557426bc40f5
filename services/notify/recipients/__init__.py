"""Who a message goes to: reading, checking and comparing phone numbers and e-mail addresses. Pure, no I/O."""
