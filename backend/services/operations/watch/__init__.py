"""What whoever runs Dailies keeps an eye on, besides what works now. Start at `backups`."""
