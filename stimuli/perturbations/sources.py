"""Publications that several perturbations come from."""

IMAGENET_C = (
    "Hendrycks & Dietterich (2019), Benchmarking neural network robustness to common corruptions, ICLR"
)
GEIRHOS = "Geirhos et al. (2018), Generalisation in humans and deep neural networks, NeurIPS"
