"""The words of the language as typed models: what a hospital's YAML files may say."""
