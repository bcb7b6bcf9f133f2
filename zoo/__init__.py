"""The zoo: presets as directories, their recipes, and the scripts that make them."""
