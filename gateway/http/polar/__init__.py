"""The webhook of Polar, which tells of subscriptions to plans."""
