"""The paper's figures, drawn anew from what is built and measured."""
