select order_id, country, amount
from {{ source("raw", "orders") }}
where amount > 0
