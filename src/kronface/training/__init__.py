"""The engine: Lightning modules and loaders around the network and the losses; no maths of its own."""
