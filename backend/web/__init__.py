"""The sidecar: webhooks, HTTP API, media and health, one blueprint each; and the dashboard's own routes."""
