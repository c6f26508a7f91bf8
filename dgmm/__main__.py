"""``python -m dgmm``."""

from dgmm.cli import main

if __name__ == "__main__":
    main()
