# %% [markdown]
# # Certified classification
#
# A network whose logits cannot change fast states a radius with each answer: no smaller change of the image changes the class. Here one is trained on
# handwritten digits in seconds, attacked inside and outside its radii, and compared with a plain network of about the same accuracy.

# %%
import keras
import matplotlib.pyplot as plt
import numpy as np

import keras_pde
from keras_pde import CertifiedClassifier, DenseOperator, DiffusionBlock
from keras_pde.models.classifier import Classifier
from keras_pde.tasks.classify.attacks import pgd
from keras_pde.tasks.classify.sources import load

keras.utils.set_random_seed(0)
train, test = load("digits", "train"), load("digits", "test")
print(train.images.shape, test.images.shape, train.images.max())

# %% [markdown]
# ## Blocks that move no two images apart
#
# An explicit step of diffusion $u - K^\top T\Phi(Ku + b)$ with the ReLU $\Phi$ and step sizes $T$ at the stability limit does not enlarge the distance of two states, for
# every $K$ and $b$: it is the SDP-based Lipschitz layer ([S9](../docs/theorems.md#s9-a-step-for-each-channel), [B1](../docs/theorems.md#b1-scaled-steps-for-each-channel)).
# Behind six of them, logits $z = Cu + c$ with rows $C_j$ of norm 1 give the radius ([K2](../docs/theorems.md#k2-the-certified-radius))
#
# $$r(x) = \min_{j \neq y} \frac{z_y - z_j}{\|C_y - C_j\|}.$$
#
# So training needs no constraint. The loss is cross-entropy of logits from which the right one has lost a margin of $\sqrt{2}\varepsilon$.


# %%
def margin_loss(labels, logits, eps=0.5, temperature=0.25):
    right = keras.ops.one_hot(labels, 10)
    scaled = (logits - 2**0.5 * eps * right) / temperature
    return keras.losses.categorical_crossentropy(right, scaled, from_logits=True)


def fitted(network, loss, metrics=()):
    rate = keras.optimizers.schedules.CosineDecay(0.01, 440)
    network.compile(keras.optimizers.Adam(rate, clipnorm=1.0), loss, metrics=list(metrics))
    return network.fit(train.images, train.labels, batch_size=128, epochs=40, verbose=0).history


block = DiffusionBlock(DenseOperator(96), "relu", step_size="scaled", use_bias=True)
certified = CertifiedClassifier(10, block, blocks=6)
history = fitted(certified, margin_loss, [keras_pde.metrics.CertifiedAccuracy(0.5, certified)])
print(certified)
print(certified.certificate()["margin"].formula)
print(
    f"certified at 0.5 while training: {history['certified_accuracy'][0]:.3f} at first,"
    f" {history['certified_accuracy'][-1]:.3f} at last"
)

# %% [markdown]
# Beside it a plain residual network of as many weights. `certify` composes a Lipschitz constant $L$ along its graph, which is true and of no use: the radius
# $(z_y - z_j)/(\sqrt{2}L)$ is tiny.

# %%
inputs = keras.Input((8, 8, 1))
u = keras.layers.Flatten()(inputs)
for _ in range(6):
    u = u + keras.layers.Dense(64)(keras.layers.Dense(48, "relu")(u))
model = keras.Model(inputs, keras.layers.Dense(10)(u))
fitted(model, keras.losses.SparseCategoricalCrossentropy(from_logits=True))
constant = keras_pde.certify(model).lipschitz


class Plain(Classifier):
    """What `pgd` attacks: a model of Keras's as a classifier."""

    def call(self, image):
        return model(image)

    def radius(self, x):
        ordered = np.sort(self.logits(x), axis=-1)
        return (ordered[:, -1] - ordered[:, -2]) / (2**0.5 * constant)


plain = Plain(10)
plain.build((None, 8, 8, 1))
print(f"{certified.count_params():,} and {model.count_params():,} weights; L = {constant:.3g}")

# %% [markdown]
# ## What is proved, and what attacks find
#
# Accuracy that is certified against the size of the perturbation (lines), and what 40 steps of projected gradient descent leave right (points). An attack
# proves nothing where it fails: the truth lies between a line and its points.

# %%
sizes, tried = np.linspace(0, 1.2, 121), (0.25, 0.5, 0.75, 1.0)
right, radii, left = {}, {}, {}
fig, axis = plt.subplots(figsize=(7, 3.8))
for name, network in {"certified": certified, "plain": plain}.items():
    right[name] = network.answers(test.images) == test.labels
    radii[name] = np.where(right[name], network.radius(test.images), 0.0)
    moved = [pgd(network, test.images, test.labels, eps) for eps in tried]
    left[name] = [100 * np.mean(network.answers(x) == test.labels) for x in moved]
    share = [100 * np.mean(right[name] & (radii[name] >= eps)) for eps in sizes]
    (line,) = axis.plot(sizes, share, label=f"{name} network, proved")
    axis.plot(tried, left[name], "o", color=line.get_color(), label=f"{name} network, attacked")
axis.set(xlabel="size ε of the perturbation in the 2-norm", ylabel="accuracy (%)", ylim=(0, 101))
axis.grid(alpha=0.3)
axis.legend()
plt.show()

# %% [markdown]
# ## Inside the radius
#
# Each test image that is rightly answered, attacked in its own radius: by the theorem no class changes. The plain network is attacked by as much, and the certified one by three times as
# much too.

# %%
sure = right["certified"] & right["plain"] & (radii["certified"] > 0)
x, y, r = test.images[sure], test.labels[sure], radii["certified"][sure]
inside = pgd(certified, x, y, r)
outside = pgd(certified, x, y, 3 * r)
fooling = pgd(plain, x, y, r)
changed = {
    "certified, ε = r": int(np.sum(certified.answers(inside) != y)),
    "certified, ε = 3r": int(np.sum(certified.answers(outside) != y)),
    "plain, ε = r": int(np.sum(plain.answers(fooling) != y)),
}
print(f"classes that changed, of {len(y)}:", changed)

shown = [np.flatnonzero((y == k) & (plain.answers(fooling) != y))[0] for k in range(2, 8)]
rows = {
    "image": (x, [f"{k}, r = {size:.2f}" for k, size in zip(y[shown], r[shown], strict=True)]),
    "certified, ε = r": (inside, [f"still {k}" for k in certified.answers(inside[shown])]),
    "certified, ε = 3r": (outside, [f"now {k}" for k in certified.answers(outside[shown])]),
    "plain, ε = r": (fooling, [f"now {k}" for k in plain.answers(fooling[shown])]),
}
fig, axes = plt.subplots(4, 6, figsize=(9, 7.4))
for line, (name, (images, titles)) in zip(axes, rows.items(), strict=True):
    line[0].set_ylabel(name, fontsize=9)
    for axis, image, title in zip(line, images[shown], titles, strict=True):
        axis.imshow(image[..., 0], cmap="gray", vmin=0, vmax=1)
        axis.set_title(title, fontsize=9)
        axis.set(xticks=[], yticks=[])
fig.tight_layout()
plt.show()

# %% [markdown]
# The same blocks with rows at each pixel certify the class of every pixel, and how many pixels a perturbation can change together: `CertifiedSegmenter`, in
# [segmentation](../docs/families/segment.md). The zoo's [classifiers](../docs/families/classify.md) are trained for longer, and answer in one line.

# %%
answer = keras_pde.classify(test.images[0], preset="sll_digits_2d")
print(answer.names, answer.radius.round(3))
at_half = 100 * np.mean(radii["certified"] > 0.5), left["certified"][1]
assert changed["certified, ε = r"] == 0
assert at_half[0] <= at_half[1]
print(
    f"{100 * right['certified'].mean():.1f} % right, {at_half[0]:.1f} % proved at ε = 0.5, where an"
    f" attack leaves {at_half[1]:.1f} % (plain: {100 * right['plain'].mean():.1f} % right,"
    f" {100 * np.mean(radii['plain'] > 0.5):.1f} % proved, {left['plain'][1]:.1f} % left); attacks"
    f" of size r changed {changed['certified, ε = r']} of {len(y)} classes, and"
    f" {changed['plain, ε = r']} of the plain network's"
)
