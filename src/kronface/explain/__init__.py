"""Why a network says what it says, and whether such explanations can be trusted."""
