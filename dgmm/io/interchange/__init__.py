"""A mixture in the forms that other programs run: scikit-learn, SQL, ONNX, JSON."""
