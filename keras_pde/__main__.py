"""python -m keras_pde: the command keras-pde."""

from keras_pde.cli.main import main

if __name__ == "__main__":
    main(prog_name="keras-pde")
