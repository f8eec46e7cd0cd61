"""Expression across tissues: cis and trans genetics."""
