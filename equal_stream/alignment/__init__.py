"""Contrastive fine-tuning of the encoder on harvested pairs, judged on documents it has not seen."""
