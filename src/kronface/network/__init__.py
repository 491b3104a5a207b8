"""The network of the paper: trunk, attribute branch, fusion, identity branch; built parts composed by keyword."""
