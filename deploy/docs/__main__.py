"""Write the generated pages: `python -m deploy.docs`."""

from __future__ import annotations

from pathlib import Path

from deploy.docs.pages import generated

_ROOT = Path(__file__).parent.parent.parent


def main() -> None:
    for name, content in generated().items():
        path = _ROOT / name
        if path.exists() and path.read_bytes() == content:
            print(f"{name}: unchanged")
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        print(f"{name}: written")


if __name__ == "__main__":
    main()
