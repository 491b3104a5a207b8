"""Pictures, and the faces in them: safe decoding, detection with five landmarks, alignment to the reference points."""
