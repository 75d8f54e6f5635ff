"""Drawing. The only place that imports matplotlib and seaborn."""
