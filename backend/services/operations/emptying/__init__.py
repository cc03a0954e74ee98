"""What has been in the trash for long enough is deleted for good. Start with `empty_trash.empty_trash`."""
