"""What leaves, hides or moves parts of a picture, or keeps its outlines only."""

from __future__ import annotations

from stimuli.perturbations.perturbation import Perturbation

OTSU = "Otsu (1979), A threshold selection method from gray-level histograms, IEEE Trans. SMC 9:62-66"

PARTS: tuple[Perturbation, ...] = (
    Perturbation(
        name="mooney",
        group="parts",
        does="two-tone: grey picture blurred by a Gaussian, then white above Otsu's threshold, black below",
        parameter="standard deviation of the Gaussian",
        unit="px",
        direction=1,
        identity=None,
        low=0.0,
        high=32.0,
        source="Mooney (1957), Age in the development of closure ability in children, "
        f"Canadian Journal of Psychology 11:219-226; threshold of {OTSU}",
        own_levels=(1.0, 2.0, 4.0, 8.0, 16.0),
        mind="the share of white differs between pictures, and with it mean luminance and contrast: match "
        "both afterwards where it matters, since one alone leaves the other uneven; pixels are those of the "
        "stimulus",
    ),
    Perturbation(
        name="bubbles",
        group="parts",
        does="picture behind grey (128), seen through Gaussian apertures at random places, of SD 0.06 of the "
        "shorter side; each shows its share of what is hidden so far, until the fraction is reached",
        parameter="fraction of the picture that is visible, the mean of the apertures",
        unit="fraction",
        direction=-1,
        identity=1.0,
        low=0.0,
        high=1.0,
        source="Gosselin & Schyns (2001), Bubbles: a technique to reveal the use of information in "
        "recognition tasks, Vision Research 41:2261-2271",
        own_levels=(0.8, 0.6, 0.4, 0.2, 0.1),
        random=True,
        mind="a pixel that is half visible counts as half; which parts are seen is chance, so use several "
        "pictures",
    ),
    Perturbation(
        name="occlusion",
        group="parts",
        does="grey (128) square patches, an eighth of the shorter side wide, at random places, until exactly "
        "the fraction of pixels is covered",
        parameter="fraction of the picture that is covered",
        unit="fraction",
        direction=1,
        identity=0.0,
        low=0.0,
        high=1.0,
        source="after Zeiler & Fergus (2014), Visualizing and understanding convolutional networks, ECCV "
        "(grey squares); number and places are this project's",
        own_levels=(0.1, 0.2, 0.4, 0.6, 0.8),
        random=True,
        mind="which parts are covered is chance, so use several pictures; patches add edges of their own",
    ),
    Perturbation(
        name="mosaic",
        group="parts",
        does="picture cut into n x n upright tiles, shuffled so that none stays in its place",
        parameter="tiles along each side",
        unit="tiles",
        direction=0,
        identity=1.0,
        low=1.0,
        high=64.0,
        source="after Vogels (1999), Effect of image scrambling on inferior temporal cortical responses, "
        "NeuroReport 10:1811-1816",
        own_levels=(2.0, 4.0, 8.0, 16.0, 32.0),
        whole=True,
        random=True,
        mind="more tiles keep less of the figure, but are no further from the clean picture pixel by pixel, "
        "so severities count as unordered; tiles have floor(side / n) px, what is over stays as a margin",
    ),
    Perturbation(
        name="silhouette",
        group="parts",
        does="figure black, background white; figure is the largest connected part, holes filled, of what is "
        "further from the border's median colour than Otsu's threshold",
        parameter="whether it is done",
        unit="applied",
        direction=1,
        identity=0.0,
        low=0.0,
        high=1.0,
        source=f"segmentation by this project; threshold of {OTSU}",
        own_levels=(1.0,),
        whole=True,
        mind="needs one figure on a plain background that reaches the border all around, or it makes a "
        "meaningless patch; of a figure in separate parts only the largest is left",
    ),
    Perturbation(
        name="edges",
        group="parts",
        does="Canny's edges of the grey picture as black lines on white; upper threshold the 85th percentile "
        "of its gradients (at least 1 grey level per px), lower threshold 0.4 of that",
        parameter="standard deviation of the Gaussian before the gradients",
        unit="px",
        direction=1,
        identity=None,
        low=0.0,
        high=32.0,
        source="Canny (1986), A computational approach to edge detection, IEEE Trans. PAMI 8:679-698",
        own_levels=(0.7, 1.4, 2.8, 5.6, 11.2),
        mind="lines are one pixel wide at any size, and most is white whatever the picture's luminance; "
        "pixels are those of the stimulus",
    ),
)
