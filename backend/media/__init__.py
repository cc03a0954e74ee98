"""Files on their way home and at home: what may be fetched, how, whether it is whole, where it lies."""
