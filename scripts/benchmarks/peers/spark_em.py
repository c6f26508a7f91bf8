"""Spark's MLlib on two threads of this machine; it chooses its own start."""

import pyspark
from problem import answer, load
from pyspark.ml.clustering import GaussianMixture
from pyspark.ml.functions import array_to_vector
from pyspark.sql import SparkSession
from pyspark.sql.functions import array


def main() -> None:
    """Time its estimator on cached rows."""
    problem, n_iterations = load()
    builder = SparkSession.builder.master("local[2]").config("spark.driver.memory", "6g")
    builder = builder.config("spark.driver.bindAddress", "127.0.0.1")
    builder = builder.config("spark.driver.host", "127.0.0.1").config("spark.ui.enabled", "false")
    spark = builder.getOrCreate()
    spark.sparkContext.setLogLevel("ERROR")
    import pandas as pd

    columns = [f"x{j}" for j in range(problem["rows"].shape[1])]
    centred = spark.createDataFrame(pd.DataFrame(problem["rows"], columns=columns))
    data = centred.select(array_to_vector(array(*columns)).alias("features")).repartition(4).cache()
    data.count()

    def fit(n: int) -> None:
        GaussianMixture(k=len(problem["weights"]), maxIter=n, tol=0.0, seed=0).fit(data)

    answer(pyspark.__version__, fit, n_iterations, "a start of its own")
    spark.stop()


if __name__ == "__main__":
    main()
