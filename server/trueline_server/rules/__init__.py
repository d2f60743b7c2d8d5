"""Alert rules on request: those in force, rule files checked and tested, decisions explained."""
