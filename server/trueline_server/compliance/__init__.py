"""Compliance: subjects judged by rules over facts, with evidence that ages and waivers that end."""
