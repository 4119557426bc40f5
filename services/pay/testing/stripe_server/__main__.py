"""Run the fake Stripe by hand: `python -m services.pay.testing.stripe_server [port] [webhook url]`."""

from __future__ import annotations

import sys
import time

from services.pay.testing.stripe_server.server import API_KEY, SECRET, StripeServer


def main() -> None:
    """Serve until interrupted, delivering events every second where a webhook address is given."""
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 0
    webhook_url = sys.argv[2] if len(sys.argv) > 2 else None
    with StripeServer(port=port, webhook_url=webhook_url) as fake:
        print(f"STRIPE_API_BASE={fake.url} STRIPE_API_KEY={API_KEY} STRIPE_WEBHOOK_SECRETS={SECRET}", flush=True)
        try:
            while True:
                time.sleep(1)
                if webhook_url is not None:
                    fake.deliver()
        except KeyboardInterrupt:
            return


main()
