"""The little of wandb.util that trainers touch."""

import random
import string


def generate_id(length=8):
    """A run id: so many of [a-z0-9]."""
    return "".join(random.SystemRandom().choices(string.ascii_lowercase + string.digits, k=length))
