# %% [markdown]
# # Export and serve
#
# A preset becomes a SavedModel, an ONNX or a LiteRT file that runs where keras_pde is not installed, with dynamic sizes, the noise level as an input and the
# certificate as metadata. (`pip install 'keras-pde[export]'`; the command: `keras-pde export certified_resnet_2d net.onnx --verify`.)

# %%
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import onnxruntime
from skimage import data

from keras_pde.data.noise import add_noise
from keras_pde.export import export, load_exported
from keras_pde.tasks.quality import quality

folder = Path(tempfile.mkdtemp())
made = [
    export("certified_resnet_2d", folder / name, kind, verify=True)
    for name, kind in (("served/1", "saved_model"), ("net.onnx", "onnx"), ("net.tflite", "litert"))
]
for artifact in made:
    print(
        f"{artifact.format:<12} {artifact.bytes:>9,} bytes, largest difference from the original"
        f" {artifact.difference:.1e}"
    )

# %% [markdown]
# ## ONNX Runtime

# %%
session = onnxruntime.InferenceSession(str(folder / "net.onnx"))
print([(i.name, i.shape) for i in session.get_inputs()])
photo = data.camera()[:, :, None] / 255
noisy = add_noise(photo, 25)
(denoised,) = session.run(None, {"image": noisy[None], "noise": np.array([25 / 255], "float32")})
about = load_exported(folder / "net.onnx")[1]
print(
    json.dumps({key: about["certificate"][key] for key in ("norm_gain", "lipschitz")}),
    about["certificate"]["reasons"]["norm"],
)

# %% [markdown]
# ## Plain TensorFlow, in a process that never imports keras_pde

# %%
program = f"""
import sys, numpy as np, tensorflow as tf
served = tf.saved_model.load({str(folder / "served/1")!r}).signatures["serving_default"]
noisy = np.load({str(folder / "noisy.npy")!r})
out = next(iter(served(image=tf.constant(noisy[None]), noise=tf.constant([25 / 255])).values()))
np.save({str(folder / "out.npy")!r}, out)
assert "keras_pde" not in sys.modules
"""
np.save(folder / "noisy.npy", noisy)
subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)
difference = np.abs(np.load(folder / "out.npy") - denoised).max()
print(f"largest difference between ONNX Runtime and TensorFlow: {difference:.1e}")

# %% [markdown]
# ## TensorFlow Serving
#
# The SavedModel lies in a numbered version folder, as TensorFlow Serving wants it:
#
# ```sh
# docker run -p 8501:8501 -v "$PWD/served:/models/denoiser" -e MODEL_NAME=denoiser tensorflow/serving
# curl -d '{"inputs": {"image": [[[[0.1], [0.2]], [[0.3], [0.4]]]], "noise": [0.1]}}' http://localhost:8501/v1/models/denoiser:predict
# ```
#
# The named signature that it serves:

# %%
tool = Path(sys.executable).parent / "saved_model_cli"
command = f"{tool} show --dir {folder}/served/1 --tag_set serve --signature_def serving_default"
print(subprocess.run(command.split(), capture_output=True, text=True, check=True).stdout)

# %%
fig, axes = plt.subplots(1, 2, figsize=(9, 4.6))
for axis, (name, image) in zip(
    axes, {"noisy": noisy, "denoised by ONNX Runtime": denoised[0]}.items(), strict=True
):
    axis.imshow(image[100:300, 150:350, 0], cmap="gray", vmin=0, vmax=1)
    axis.set_title(f"{name}: {quality(photo, image.clip(0, 1)).psnr:.2f} dB")
    axis.axis("off")
fig.tight_layout()
plt.show()
difference = max(artifact.difference for artifact in made)
assert difference < 1e-5
print(
    f"three formats, largest difference from the original {difference:.1e};"
    f" {quality(photo, denoised[0].clip(0, 1)).psnr:.2f} dB"
)
