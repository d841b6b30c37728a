"""The only folder that knows AWS: one adapter a service, and the wiring."""
