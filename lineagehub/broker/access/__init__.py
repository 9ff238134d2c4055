"""The broker's side of tenancy: who may write where, and how much. What `lineagehub kafka acls` plans, prints and applies."""
