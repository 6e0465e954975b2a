"""Days of traffic over pools of accounts with scripted quotas, in virtual time."""
