"""Cases: what somebody must see to the end, of every kind, with one state machine and one timeline."""
