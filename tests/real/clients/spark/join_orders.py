"""A Spark job that knows nothing of OpenLineage: it joins orders (a CSV file) with countries (a table) into sales (a Parquet file).

Run by spark-submit with the folder of its data.
"""

import sys
from pathlib import Path

from pyspark.sql import SparkSession
from pyspark.sql import functions as f

folder = Path(sys.argv[1])
spark = SparkSession.builder.getOrCreate()
spark.read.csv(str(folder / "countries.csv"), header=True).write.saveAsTable("countries")

# Guessing the types makes Spark read the file as an RDD first, whose events differ from those of SQL.
orders = spark.read.csv(str(folder / "orders.csv"), header=True, inferSchema=True)
countries = spark.table("countries")
sales = (
    orders.join(countries, orders.country == countries.code)
    .where(orders.amount > 0)
    .select(orders.order_id, countries.name.alias("country"), f.round(orders.amount * countries.rate, 2).alias("euros"))
)
sales.write.parquet(str(folder / "sales"))
spark.stop()
