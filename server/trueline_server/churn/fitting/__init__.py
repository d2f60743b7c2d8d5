"""Fitting of churn models with scikit-learn, which only this folder imports; what comes out is data."""
