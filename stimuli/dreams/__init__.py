"""Dreams: pictures that a unit of a model is most, or least, active for (feature visualisation).

After Olah, Mordvintsev & Schubert (2017), Feature visualization, Distill. A picture is held as the Fourier
coefficients of three decorrelated colours (``parametrisation``), begins somewhere (``starts``), is shown
shifted, scaled and turned at random (``transformations``), and climbs (``dream``). Nothing here loads a
model: ``dream.dream`` is handed something that tells what goes into a unit, and its gradient.
"""
