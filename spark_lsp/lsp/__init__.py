"""The face: transport, protocol, handlers and conversion. It decides nothing."""
