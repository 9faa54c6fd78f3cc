# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""The pages of an item are cached; whoever changes its photos forgets them."""

from __future__ import annotations

from django.core.cache import cache
from django.db.models.signals import post_delete, post_save
from django.dispatch import receiver

from .models import Photo


@receiver([post_save, post_delete], sender=Photo)
def forget_cached_pages(instance: Photo, **_more: object) -> None:
    cache.delete(f"item-{instance.content_type_id}-{instance.object_id}")
