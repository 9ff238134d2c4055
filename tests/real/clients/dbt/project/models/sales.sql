select o.order_id, c.name as country, o.amount * c.rate as euros
from {{ ref("paid_orders") }} as o
join {{ source("raw", "countries") }} as c on o.country = c.code
