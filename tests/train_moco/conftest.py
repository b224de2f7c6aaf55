"""Two processes, and two runs compared, as the tests of `training` have them."""

from tests.training.conftest import assert_same_run, together

__all__ = ["assert_same_run", "together"]
