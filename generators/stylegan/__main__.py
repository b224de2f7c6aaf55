"""python -m generators.stylegan --help"""

from generators.command import process_command

if __name__ == "__main__":
    process_command("stylegan.StyleGAN")
