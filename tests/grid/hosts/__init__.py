"""Tests on three hosts. A package, so that their lab ends with the last of them."""
