"""The outside parties that render: one file each, behind the protocol in `base`."""
